// What the release is tried on: as dev, but zone-redundant storage and closed to all but the front door.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'test')
param stage = 'test'
param location = readEnvironmentVariable('AZURE_LOCATION', 'francecentral')
param appLocation = readEnvironmentVariable('PLEDGE_APP_LOCATION', '')
param webLocation = 'westeurope'
param secondaryLocation = ''
param isPrivate = false
param peeredNetworkId = ''
param isZoneRedundant = false
param isLocked = false
param isServerless = true
param storageSku = 'Standard_ZRS'
param casesMaxThroughput = 1000
param totalThroughputLimit = -1
param instancesMax = 40
param alwaysReadyHttp = 0
param requestsPerMinute = 600
param logRetentionDays = 30
param logDailyCapGb = 1
param evidenceSoftDeleteDays = 7
param auditImmutableDays = 7
param isAuditLocked = false
param scanCapGbPerMonth = 5
param budgetAmount = 200
param corsOrigins = ['https://www.pledge.example']

// Of the organisation. Set as variables of the GitHub environment or with `azd env set`; none of them is a secret.
param budgetStart = readEnvironmentVariable('PLEDGE_BUDGET_START')
param alertEmails = split(readEnvironmentVariable('PLEDGE_ALERT_EMAILS'), ',')
param wakePhones = []
param wakeAccounts = []
param repositoryUrl = readEnvironmentVariable('PLEDGE_REPOSITORY_URL')
param siteUrl = readEnvironmentVariable('PLEDGE_SITE_URL', '')
param apiAudience = readEnvironmentVariable('PLEDGE_API_AUDIENCE')
param apiClientIds = readEnvironmentVariable('PLEDGE_API_CLIENT_IDS')
param smtpHost = readEnvironmentVariable('PLEDGE_SMTP_HOST')
param smtpUsername = readEnvironmentVariable('PLEDGE_SMTP_USERNAME')
param mailFrom = readEnvironmentVariable('PLEDGE_MAIL_FROM')
param timersOff = readEnvironmentVariable('PLEDGE_TIMERS_OFF', '')
param scanFunction = readEnvironmentVariable('PLEDGE_SCAN_FUNCTION', '')
