/** One fault of the configuration: the variable and what it should have been, never its value. */
export interface ConfigFault {
  readonly variable: string;
  readonly expected: string;
}

/** The configuration cannot be used; `message` has one line for every fault. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly faults: readonly ConfigFault[]) {
    super(faults.map(({ variable, expected }) => `${variable}: expected ${expected}`).join('\n'));
  }
}
