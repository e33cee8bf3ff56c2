/* The worker of the captcha: tries numbers until one solves the challenge that it is sent. */

import { solveChallenge } from './pow.js';
import { deriveKey } from './pbkdf2.js';

const triesPerReport = 20;

/** Answers `{tries}` now and then, at last `{solution}`: null when the device cannot do it. */
onmessage = async ({ data: challenge }) => {
  let tries = 0;
  const derive = (...input) => {
    tries += 1;
    if (tries % triesPerReport === 0) postMessage({ tries });
    return deriveKey(...input);
  };
  const solution = await solveChallenge({ challenge, deriveKey: derive }).catch(() => null);
  postMessage({ solution });
};
