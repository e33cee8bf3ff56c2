import { problems } from '../../kernel';
import { buyerLayers, explain, layerOf, layers } from './explanation';

const outcomes = ['accepted', 'created', 'known', ...Object.keys(problems)];

describe('the explanation of an answer', () => {
  it.each(outcomes)('is a whole sentence of a layer that the document names: %s', (outcome) => {
    expect(layers).toContain(layerOf(outcome));
    const { layer, explanation } = explain(outcome);
    expect(buyerLayers).toContain(layer);
    expect(explanation).toMatch(/^[A-Z].+\.$/);
  });

  it('tells a buyer the same of a rule as of a list, and neither rule nor score nor list', () => {
    expect([layerOf('RISK_REJECTED'), layerOf('BLACKLISTED')]).toEqual(['risk', 'blacklist']);
    expect(explain('RISK_REJECTED')).toEqual(explain('BLACKLISTED'));
    expect(explain('RISK_REJECTED').layer).toBe('protection');
    for (const outcome of outcomes) {
      expect(explain(outcome).explanation).not.toMatch(/risk|score|rule|black|list|\d/i);
    }
  });

  it.each(['__proto__', 'constructor', 'A_CODE_OF_A_LATER_RELEASE'])(
    'stands for outcomes that this release does not know, too: %s', (outcome) => {
      expect(layerOf(outcome)).toBe('request');
      expect(explain(outcome).explanation).toMatch(/\.$/);
    });
});
