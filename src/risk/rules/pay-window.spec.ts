import { payWindowAfter } from './pay-window';

describe('the time to pay', () => {
  it('halves with every order that expired, down to a tenth', () => {
    expect([0, 1, 2, 3, 4, 100].map((expired) => payWindowAfter(expired, 900)))
      .toEqual([900, 450, 225, 113, 90, 90]);
  });

  it('is never less than a minute', () => {
    expect([1, 2, 100].map((expired) => payWindowAfter(expired, 200))).toEqual([100, 60, 60]);
  });

  it('is never more than the sale gives, also where that is less than a minute', () => {
    expect([0, 1, 100].map((expired) => payWindowAfter(expired, 30))).toEqual([30, 30, 30]);
  });
});
