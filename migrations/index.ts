import { CreateSales1763700000001 } from './1763700000001-create-sales';
import { CreateOrders1763700000002 } from './1763700000002-create-orders';
import { CreateAudit1763700000003 } from './1763700000003-create-audit';
import { CreatePayments1763700000004 } from './1763700000004-create-payments';
import { CreateReconciliationRuns1763700000005 } from './1763700000005-create-reconciliation-runs';
import { AddBuyerEvidenceToOrders1763700000006 }
  from './1763700000006-add-buyer-evidence-to-orders';

/** Every migration, oldest first. Append-only: what has landed is never edited. */
export const migrations = [
  CreateSales1763700000001,
  CreateOrders1763700000002,
  CreateAudit1763700000003,
  CreatePayments1763700000004,
  CreateReconciliationRuns1763700000005,
  AddBuyerEvidenceToOrders1763700000006,
];
