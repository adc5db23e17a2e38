"""The Cosmos DB query language: read, planned and evaluated over JSON items."""
