import { parseArgs } from 'node:util';
import { mintToken, type Role, roles } from '../auth';
import { readEnvironment, readVariables } from '../config';

const usage = 'usage: npm run token -- --sub <user id> '
  + `[--role ${roles.join('|')}]… [--expires 2h]`;

/** Prints a token, and nothing else, on the standard output. */
function printToken(): void {
  const { values } = parseArgs({
    options: {
      sub: { type: 'string' },
      role: { type: 'string', multiple: true, default: [] },
      expires: { type: 'string' },
    },
  });
  if (values.sub === undefined || !values.role.every(isRole)) throw new Error(usage);
  const config = readVariables(
    readEnvironment(), ['JWT_SECRET', 'JWT_JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE'],
  );
  console.log(mintToken(config, { userId: values.sub, roles: values.role }, values.expires));
}

function isRole(text: string): text is Role {
  return (roles as readonly string[]).includes(text);
}

try {
  printToken();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
