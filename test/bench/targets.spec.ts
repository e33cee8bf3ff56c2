import { targetsReached } from '../../bench/lib/targets.mjs';

describe('the targets of the benchmark', () => {
  const paths = (share: string, redisBytes: number) => ({ perPurchase: { redisBytes },
    rows: [{ 'name': 'accepted (202), funnel on', 'share of plain': share, 'share by API CPU': '0.5' }] });
  const reached = (results: object) =>
    targetsReached(results).map(({ measured, reached: answer }) => [measured, answer]);

  it('are reached at the figure that is wanted, and missed below it', () => {
    expect(reached({ paths: paths('0.49', 300) })).toEqual([[0.49, 'no'], [0.5, 'yes'], [300, 'yes']]);
    expect(reached({ paths: paths('0.50', 301) })).toEqual([[0.5, 'yes'], [0.5, 'yes'], [301, 'no']]);
  });

  it('are left out where nothing was measured', () => {
    expect(reached({ paths: { failed: 'It broke.' }, drain: { rows: [{ 'orders per second': 19_999 }] } }))
      .toEqual([[19_999, 'no']]);
    expect(reached({})).toEqual([]);
  });
});
