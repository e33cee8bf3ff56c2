import { existsSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual, parseEnv } from 'node:util';
import { ConfigError, type ConfigFault } from './config-error';
import { variables, type Variable, type VariableName, type Variables } from './variables';
import type { z } from 'zod';

/** `PAY_WINDOW_SECONDS` in the environment is `payWindowSeconds` in the program. */
type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<Name>;

/** The values of some variables, by their camel-case names. */
export type ConfigOf<Names extends VariableName> = {
  readonly [Name in Names as CamelCase<Name>]: Readonly<z.output<Variables[Name]['schema']>>;
};

/** The whole configuration: frozen, complete, and consistent in itself. */
export type AppConfig = Omit<ConfigOf<VariableName>, 'publicUrl'> & {
  /** Base of links, without a slash at its end. */
  readonly publicUrl: string;
};

const loopback = Object.freeze(['127.0.0.0/8', '::1']);

const variableNames = Object.keys(variables) as VariableName[];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment and the variables of `.env`, if there is one; what is set already wins. They are not
 * added to the environment itself: a process that this one starts reads the file as it is by then.
 */
export function readEnvironment(): Environment {
  if (!existsSync('.env')) return process.env;
  return { ...parseEnv(readFileSync('.env', 'utf8')), ...process.env };
}

/** Reads and checks every variable. Throws a `ConfigError` that names all faults at once. */
export function loadConfig(environment: Environment): AppConfig {
  const config = readVariables(environment, variableNames);
  const faults = relationFaults(config);
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze({
    ...config,
    publicUrl: config.publicUrl ?? `http://127.0.0.1:${config.port}`,
    operationsNetworks: config.operationsNetworks
      ?? (config.nodeEnv === 'production' ? loopback : undefined),
  });
}

/**
 * Reads and checks only the named variables, for commands that need few of them.
 * A variable that is set to an empty text counts as not set. Throws `ConfigError`.
 */
export function readVariables<Name extends VariableName>(
  environment: Environment,
  names: readonly Name[],
): ConfigOf<Name> {
  const faults: ConfigFault[] = [];
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const { schema, expected } = variables[name];
    const text = environment[name] === '' ? undefined : environment[name];
    const parsed = schema.safeParse(text);
    if (parsed.success) values[camelCase(name)] = Object.freeze(parsed.data);
    else {
      const hint = text === undefined ? `${expected}; it is not set` : expected;
      faults.push({ variable: name, expected: hint });
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(values) as ConfigOf<Name>;
}

/** What single variables cannot say: how they must fit together. */
function relationFaults(config: ConfigOf<VariableName>): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const production = config.nodeEnv === 'production';
  const refuse = (fault: boolean, variable: VariableName, expected: string) => {
    if (fault) faults.push({ variable, expected });
  };
  const { jwtSecret, jwtJwksUrl, demo, notificationUrls, notificationSecret } = config;
  refuse(jwtSecret === undefined && jwtJwksUrl === undefined, 'JWT_SECRET',
    'either this or JWT_JWKS_URL to be set');
  refuse(jwtSecret !== undefined && jwtJwksUrl !== undefined, 'JWT_JWKS_URL',
    'either this or JWT_SECRET to be set, not both');
  refuse(production && jwtSecret !== undefined && jwtSecret.length < 32, 'JWT_SECRET',
    'at least 32 characters when NODE_ENV is production');
  refuse(demo && production, 'DEMO', 'false when NODE_ENV is production');
  refuse(demo && jwtSecret === undefined, 'DEMO', 'false when there is no JWT_SECRET');
  refuse(production && jwtJwksUrl?.startsWith('https:') === false, 'JWT_JWKS_URL',
    'an https:// URL when NODE_ENV is production');
  refuse(notificationUrls.length > 0 && notificationSecret === undefined, 'NOTIFICATION_SECRET',
    'to be set when NOTIFICATION_URLS is');
  // Who receives notifications could otherwise sign payments.
  refuse(notificationSecret === config.paymentWebhookSecret, 'NOTIFICATION_SECRET',
    'another secret than PAYMENT_WEBHOOK_SECRET');
  for (const name of variableNames) {
    const { sensitive, schema, example }: Variable = variables[name];
    const isSample = isDeepStrictEqual(config[camelCase(name)], schema.parse(example));
    refuse(production && sensitive === true && isSample, name,
      'a secret of your own, not the sample, when NODE_ENV is production');
  }
  return faults;
}

function camelCase<Name extends string>(name: Name): CamelCase<Name> {
  const camel = name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  return camel as CamelCase<Name>;
}
