const rememberedAtMost = 10_000;

/**
 * The same function, which remembers what it has made. For results that never change and cost more to
 * make than to keep; with ten thousand of them it forgets all and begins anew.
 */
export function remember<Key extends string | number, Value>(
  make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    if (made.size === rememberedAtMost) made.clear();
    made.set(key, value);
    return value;
  };
}
