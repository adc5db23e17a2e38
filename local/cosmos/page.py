"""The page for people."""

PAGE = "<!doctype html><title>Local Cosmos DB</title><h1>Local Cosmos DB</h1>"
