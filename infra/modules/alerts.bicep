metadata description = 'Every alert of `alerts.json`, each with its page in docs/runbook.md, and whom it wakes.'

param name string
param location string
param tags object
param emails array

@description('Telephones that are called and texted for severity 0 and 1: country code, a blank, the number (33 612345678).')
param wakePhones array

@description('Accounts whose Azure app on the phone rings for severity 0 and 1.')
param wakeAccounts array

@description('Where the repository is to be read, so that a mail leads to the page of its alert.')
param repositoryUrl string
param workspaceId string
param insightsId string
param cosmosId string

@description('Object id of the app\'s identity: who else reads a secret is told.')
param appPrincipalId string

@description('The address that people use, asked from outside every five minutes.')
param address string

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: last(split(workspaceId, '/'))
}

var alerts = loadJsonContent('../alerts.json')
var runbook = '${repositoryUrl}/blob/main/docs/runbook.md'

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'pledge'
    emailReceivers: [for (email, i) in emails: { name: 'person-${i}', emailAddress: email, useCommonAlertSchema: true }]
  }
}

// A mail wakes nobody.
resource onCall 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}-wake'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'pledge-wake'
    voiceReceivers: [for (phone, i) in wakePhones: { name: 'call-${i}', countryCode: first(split(phone, ' ')), phoneNumber: last(split(phone, ' ')) }]
    smsReceivers: [for (phone, i) in wakePhones: { name: 'text-${i}', countryCode: first(split(phone, ' ')), phoneNumber: last(split(phone, ' ')) }]
    azureAppPushReceivers: [for (account, i) in wakeAccounts: { name: 'app-${i}', emailAddress: account }]
  }
}

resource query 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [for each in alerts.queries: {
  name: 'alert-${name}-${each.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: each.name
    description: '${each.means} ${runbook}#${each.name}'
    severity: each.severity
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: each.every
    windowSize: each.window
    autoMitigate: true
    // On the first deployment no table has been filled, so that there is nothing yet to hold a query against.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: replace(each.query, '{app}', appPrincipalId)
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: each.severity <= 1 ? [people.id, onCall.id] : [people.id] }
  }
}]

resource metric 'Microsoft.Insights/metricAlerts@2026-01-01' = [for each in alerts.cosmosMetrics: {
  name: 'alert-${name}-${each.name}'
  location: 'global'
  tags: tags
  properties: {
    description: '${each.means} ${runbook}#${each.name}'
    severity: each.severity
    enabled: true
    scopes: [cosmosId]
    evaluationFrequency: each.every
    windowSize: each.window
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: each.name
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.DocumentDB/databaseAccounts'
          metricName: each.metric
          dimensions: each.dimensions
          timeAggregation: each.aggregation
          operator: each.operator
          threshold: each.threshold
        }
      ]
    }
    actions: each.severity <= 1 ? [{ actionGroupId: people.id }, { actionGroupId: onCall.id }] : [{ actionGroupId: people.id }]
  }
}]

resource activity 'Microsoft.Insights/activityLogAlerts@2026-01-01' = [for each in alerts.activities: {
  name: 'alert-${name}-${each.name}'
  location: 'global'
  tags: tags
  properties: {
    description: '${each.means} ${runbook}#${each.name}'
    enabled: true
    scopes: [each.scope == 'subscription' ? subscription().id : resourceGroup().id]
    condition: { allOf: [for field in items(each.when): { field: field.key, equals: field.value }] }
    actions: { actionGroups: each.wakes ? [{ actionGroupId: people.id }, { actionGroupId: onCall.id }] : [{ actionGroupId: people.id }] }
  }
}]

resource outside 'Microsoft.Insights/webtests@2022-06-15' = {
  name: 'alive-${name}'
  location: location
  tags: union(tags, { 'hidden-link:${insightsId}': 'Resource' })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: 'alive-${name}'
    Name: 'alive-${name}'
    Enabled: true
    Kind: 'standard'
    Frequency: 300
    Timeout: 30
    RetryEnabled: true
    Locations: [
      { Id: 'emea-nl-ams-azr' }
      { Id: 'emea-gb-db3-azr' }
      { Id: 'us-va-ash-azr' }
    ]
    Request: { RequestUrl: '${address}/api/health/live', HttpVerb: 'GET', ParseDependentRequests: false }
    ValidationRules: { ExpectedHttpStatusCode: 200, SSLCheck: true, SSLCertRemainingLifetimeCheck: 14 }
  }
}

resource alive 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: 'alert-${name}-not-reachable'
  location: 'global'
  tags: tags
  properties: {
    description: 'The service cannot be reached from outside. ${runbook}#not-reachable'
    severity: 0
    enabled: true
    scopes: [outside.id, insightsId]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: outside.id
      componentId: insightsId
      failedLocationCount: 2
    }
    actions: [{ actionGroupId: people.id }, { actionGroupId: onCall.id }]
  }
}

resource saved 'Microsoft.OperationalInsights/workspaces/savedSearches@2025-02-01' = [for each in loadJsonContent('../queries.json'): {
  parent: workspace
  name: 'pledge-${each.name}'
  properties: {
    category: 'Pledge'
    displayName: each.asks
    query: each.query
    version: 2
  }
}]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'pledge')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Pledge: what is late, who waits, what failed, what it cost, who attacks'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: loadTextContent('../workbook.json')
  }
}
