import type { Failpoint } from '../../../src/infra/failpoint';
import type { ProductProcess } from '../../support/product-process';
import type { Roles } from './deployment';
import type { Stage } from './stage';

/**
 * A further process joins, and dies at this point; `lead` leads it there when shoppers do not.
 * Fails when it ends in another way.
 */
export async function dieAt(stage: Stage, failpoint: Failpoint,
  lead?: (dying: ProductProcess) => Promise<void>, roles: Roles = 'api,worker'): Promise<void> {
  await stage.inject(`a process dies at ${failpoint}`, async () => {
    const dying = await stage.deployment.launch({ roles, failpoint });
    if (lead) {
      await dying.ready;
      await lead(dying);
    }
    const end = await dying.ended;
    if (end !== 'SIGKILL') throw new Error(`It ended (${end}):\n${dying.output}`);
  });
}
