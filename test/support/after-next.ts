type Method = (...parameters: unknown[]) => Promise<unknown>;
type ParametersOf<Called> =
  Called extends (...parameters: infer Parameters) => Promise<unknown> ? Parameters : never;

/**
 * Lets `act` happen once: after the next call of this method that `matches` has really been made,
 * and before its caller goes on. So a test chooses how the steps of two sides interleave.
 */
export function afterNext<Part extends object, Name extends keyof Part & string>(
  part: Part, name: Name, matches: (...parameters: ParametersOf<Part[Name]>) => boolean,
  act: () => Promise<unknown>): void {
  const real = part[name] as Method;
  let isAwaited = true;
  Object.assign(part, { async [name](this: unknown, ...parameters: ParametersOf<Part[Name]>) {
    const result = await real.apply(this, parameters);
    if (isAwaited && matches(...parameters)) {
      isAwaited = false;
      Object.assign(part, { [name]: real });
      await act();
    }
    return result;
  } });
}
