import { slotOf } from './slot';

describe('the slot of a key', () => {
  it.each([
    ['123456789', 12_739], ['foo', 12_182], ['{foo}bar', 12_182], ['fairdrop:{foo}:meta', 12_182],
    ['{}foo', 9_500], ['foo{{bar}}zap', 4_015], ['foo{bar}{zap}', 5_061], ['{雪}', 11_793], ['', 0],
  ])('%s is that which Redis says: %i', (key, slot) => {
    expect(slotOf(key)).toBe(slot);
  });
});
