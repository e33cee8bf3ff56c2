import { createSecretKey, type KeyObject } from 'node:crypto';
import type { InstallationSecrets } from '../../src/infra/database';
import { Lots } from '../../src/throttle/lots';

/** Lots by this secret, without a database that has it. */
export function lotsBy(key: () => Promise<KeyObject>): Lots {
  return new Lots({ key } as unknown as InstallationSecrets);
}

/** Lots of an installation, ready to be drawn. */
export async function lotsOf(installation = 'one'): Promise<Lots> {
  const lots = lotsBy(async () => createSecretKey(Buffer.from(installation)));
  await lots.onModuleInit();
  return lots;
}
