"""The API's description: OpenAPI 3.1 made from the routes' own models, and a page to read it."""
