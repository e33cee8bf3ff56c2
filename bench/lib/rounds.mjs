// The rounds of a family.

/**
 * Plays so many rounds, from 1, after round 0, which compiles everything and is not part of the
 * figures. `play` gets the number of the round; resolves to what came of each but the first.
 */
export async function overRounds({ say, name, rounds }, play) {
  const runs = [];
  for (let round = 0; round <= rounds; round += 1) {
    const run = await play(round);
    if (round > 0) runs.push(run);
    say(`${name}: round ${round} of ${rounds}`);
  }
  return runs;
}
