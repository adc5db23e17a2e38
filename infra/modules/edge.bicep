metadata description = 'One address for pages and API: the pages are static, /api goes to the function app, floods stop here.'

param name string
param location string
param tags object
param apiHostName string

@description('Requests a minute from one address, above which it is refused.')
param requestsPerMinute int

@description('A name of the organisation under which the service is reached (apply.school.example). Empty: the front door\'s only.')
param domainName string

resource site 'Microsoft.Web/staticSites@2025-03-01' = {
  name: 'stapp-${name}'
  location: location
  tags: union(tags, { 'azd-service-name': 'web' })
  sku: { name: 'Standard', tier: 'Standard' }
  properties: {
    stagingEnvironmentPolicy: 'Disabled'
    allowConfigFileUpdates: false
  }
}

resource profile 'Microsoft.Cdn/profiles@2024-09-01' existing = {
  name: 'afd-${name}'
}

resource address 'Microsoft.Cdn/profiles/afdEndpoints@2024-09-01' existing = {
  parent: profile
  name: name
}

// It serves once its owner has put the token into DNS (TXT `_dnsauth.<name>`) and led the name to the front door (CNAME).
resource domain 'Microsoft.Cdn/profiles/customDomains@2024-09-01' = if (domainName != '') {
  parent: profile
  name: replace(domainName, '.', '-')
  properties: {
    hostName: domainName
    tlsSettings: { certificateType: 'ManagedCertificate', minimumTlsVersion: 'TLS12' }
  }
}

// `/api/*` is the more specific pattern and wins over `/*`.
var origins = [
  { name: 'api', host: apiHostName, pattern: '/api/*' }
  { name: 'web', host: site.properties.defaultHostname, pattern: '/*' }
]

resource group 'Microsoft.Cdn/profiles/originGroups@2024-09-01' = [for each in ['api', 'web']: {
  parent: profile
  name: each
  properties: {
    loadBalancingSettings: { sampleSize: 4, successfulSamplesRequired: 3 }
  }
}]

resource origin 'Microsoft.Cdn/profiles/originGroups/origins@2024-09-01' = [for (each, i) in ['api', 'web']: {
  parent: group[i]
  name: each
  properties: {
    hostName: origins[i].host
    originHostHeader: origins[i].host
    enforceCertificateNameCheck: true
  }
}]

resource route 'Microsoft.Cdn/profiles/afdEndpoints/routes@2024-09-01' = [for (each, i) in ['api', 'web']: {
  parent: address
  name: each
  properties: {
    originGroup: { id: group[i].id }
    patternsToMatch: [origins[i].pattern]
    supportedProtocols: ['Http', 'Https']
    httpsRedirect: 'Enabled'
    forwardingProtocol: 'HttpsOnly'
    linkToDefaultDomain: 'Enabled'
    customDomains: domainName == '' ? [] : [{ id: domain.id }]
  }
  dependsOn: [origin]
}]

resource firewall 'Microsoft.Network/FrontDoorWebApplicationFirewallPolicies@2024-02-01' = {
  name: 'waf${uniqueString(resourceGroup().id)}'
  location: 'global'
  tags: tags
  sku: { name: 'Standard_AzureFrontDoor' }
  properties: {
    policySettings: { enabledState: 'Enabled', mode: 'Prevention' }
    customRules: {
      rules: [
        {
          name: 'flood'
          priority: 100
          enabledState: 'Enabled'
          ruleType: 'RateLimitRule'
          rateLimitDurationInMinutes: 1
          rateLimitThreshold: requestsPerMinute
          action: 'Block'
          matchConditions: [
            { matchVariable: 'RequestUri', operator: 'Contains', matchValue: ['/api/'] }
          ]
        }
      ]
    }
  }
}

resource protection 'Microsoft.Cdn/profiles/securityPolicies@2024-09-01' = {
  parent: profile
  name: 'flood'
  properties: {
    parameters: {
      type: 'WebApplicationFirewall'
      wafPolicy: { id: firewall.id }
      associations: [{ domains: domainName == '' ? [{ id: address.id }] : [{ id: address.id }, { id: domain.id }], patternsToMatch: ['/*'] }]
    }
  }
}

output siteName string = site.name
