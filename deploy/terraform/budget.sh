#!/usr/bin/env bash
# Makes the budget that mails at 50, 80 and 100 % of a month's roubles: the provider has no resource for it.
# Usage: budget.sh BILLING_ACCOUNT_ID CLOUD_ID FOLDER_ID ROUBLES USER_ID (docs/cost.md says how many). Needs the yc client.
set -euo pipefail
account="${1:?billing account}" cloud="${2:?cloud}" folder="${3:?folder}" roubles="${4:?roubles a month}" user="${5:?id of the user to mail}"
curl -fsS -X POST https://billing.api.cloud.yandex.net/billing/v1/budgets \
  -H "Authorization: Bearer $(yc iam create-token)" -H "Content-Type: application/json" -d @- <<END
{"billingAccountId": "$account", "name": "weir", "costBudgetSpec": {
  "amount": "$roubles", "notificationUserAccountIds": ["$user"], "resetPeriod": "MONTHLY", "endDate": "$(date -u -d +5years +%Y-%m-01)",
  "filter": {"cloudFoldersFilters": [{"cloudId": "$cloud", "folderIds": ["$folder"]}]},
  "thresholdRules": [
    {"type": "PERCENT", "amount": "50", "notificationUserAccountIds": ["$user"]},
    {"type": "PERCENT", "amount": "80", "notificationUserAccountIds": ["$user"]},
    {"type": "PERCENT", "amount": "100", "notificationUserAccountIds": ["$user"]}]}}
END
