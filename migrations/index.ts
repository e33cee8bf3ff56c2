import { CreateSales1763700000001 } from './1763700000001-create-sales';
import { CreateOrders1763700000002 } from './1763700000002-create-orders';
import { CreateAudit1763700000003 } from './1763700000003-create-audit';
import { CreatePayments1763700000004 } from './1763700000004-create-payments';
import { CreateReconciliationRuns1763700000005 } from './1763700000005-create-reconciliation-runs';
import { AddBuyerEvidenceToOrders1763700000006 }
  from './1763700000006-add-buyer-evidence-to-orders';
import { CreateBlacklist1763700000007 } from './1763700000007-create-blacklist';
import { CreateRiskRules1763700000008 } from './1763700000008-create-risk-rules';
import { CreateRiskCases1763700000009 } from './1763700000009-create-risk-cases';
import { AllowAnotherPaymentOfAnOrder1763700000010 }
  from './1763700000010-allow-another-payment-of-an-order';
import { AllowSellingWithoutRedis1763700000011 }
  from './1763700000011-allow-selling-without-redis';
import { LetPaymentsLieApart1763700000012 } from './1763700000012-let-payments-lie-apart';
import { KeepEndedSalesApart1763700000013 } from './1763700000013-keep-ended-sales-apart';
import { LetASaleLieInSegments1763700000014 } from './1763700000014-let-a-sale-lie-in-segments';
import { NameThePaymentInTheOrder1763700000015 }
  from './1763700000015-name-the-payment-in-the-order';

/** Every migration, oldest first. Append-only: what has landed is never edited. */
export const migrations = [
  CreateSales1763700000001,
  CreateOrders1763700000002,
  CreateAudit1763700000003,
  CreatePayments1763700000004,
  CreateReconciliationRuns1763700000005,
  AddBuyerEvidenceToOrders1763700000006,
  CreateBlacklist1763700000007,
  CreateRiskRules1763700000008,
  CreateRiskCases1763700000009,
  AllowAnotherPaymentOfAnOrder1763700000010,
  AllowSellingWithoutRedis1763700000011,
  LetPaymentsLieApart1763700000012,
  KeepEndedSalesApart1763700000013,
  LetASaleLieInSegments1763700000014,
  NameThePaymentInTheOrder1763700000015,
];
