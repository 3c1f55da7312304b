// The API's own page: Swagger UI on our openapi.json, from this server alone.
window.SwaggerUIBundle({
  url: new URL('openapi.json', document.baseURI).href,
  dom_id: '#docs',
  deepLinking: true,
  validatorUrl: null, // its default sends the description to a host of others
});
