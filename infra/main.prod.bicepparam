// The real one: private, zone-redundant, locked, with a region to fail over to.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'prod')
param stage = 'prod'
param location = readEnvironmentVariable('AZURE_LOCATION', 'francecentral')
param appLocation = readEnvironmentVariable('PLEDGE_APP_LOCATION', '')
param webLocation = 'westeurope'
param secondaryLocation = readEnvironmentVariable('AZURE_LOCATION', 'francecentral') == 'germanywestcentral' ? 'francecentral' : 'germanywestcentral'
param isPrivate = true
param isZoneRedundant = true
param isLocked = true
param isServerless = false
param storageSku = 'Standard_GZRS'
param casesMaxThroughput = 4000
param totalThroughputLimit = 30000
param instancesMax = 100
param alwaysReadyHttp = 2
param requestsPerMinute = 600
param logRetentionDays = 180
param logDailyCapGb = 5
param evidenceSoftDeleteDays = 14
param auditImmutableDays = 3650
param isAuditLocked = false
param scanCapGbPerMonth = 200
param budgetAmount = 1500
param corsOrigins = ['https://www.pledge.example']

// Of the organisation. Set as variables of the GitHub environment or with `azd env set`; none of them is a secret.
param peeredNetworkId = readEnvironmentVariable('PLEDGE_PEERED_NETWORK_ID', '')
param budgetStart = readEnvironmentVariable('PLEDGE_BUDGET_START')
param alertEmails = split(readEnvironmentVariable('PLEDGE_ALERT_EMAILS'), ',')
param wakePhones = split(readEnvironmentVariable('PLEDGE_WAKE_PHONES'), ',')
param wakeAccounts = empty(readEnvironmentVariable('PLEDGE_WAKE_ACCOUNTS', '')) ? [] : split(readEnvironmentVariable('PLEDGE_WAKE_ACCOUNTS', ''), ',')
param repositoryUrl = readEnvironmentVariable('PLEDGE_REPOSITORY_URL')
param siteUrl = readEnvironmentVariable('PLEDGE_SITE_URL', '')
param apiAudience = readEnvironmentVariable('PLEDGE_API_AUDIENCE')
param apiClientIds = readEnvironmentVariable('PLEDGE_API_CLIENT_IDS')
param smtpHost = readEnvironmentVariable('PLEDGE_SMTP_HOST')
param smtpUsername = readEnvironmentVariable('PLEDGE_SMTP_USERNAME')
param mailFrom = readEnvironmentVariable('PLEDGE_MAIL_FROM')
param timersOff = readEnvironmentVariable('PLEDGE_TIMERS_OFF', '')
param scanFunction = readEnvironmentVariable('PLEDGE_SCAN_FUNCTION', '')
