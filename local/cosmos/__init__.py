"""A local Cosmos DB (NoSQL) endpoint over one SQLite file: a package that knows nothing of Pledge."""
