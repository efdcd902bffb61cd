/** Swagger UI as it comes is made for wide screens; this makes it fit a phone and takes out what is not ours. */
export const SWAGGER_CSS = `
.swagger-ui .topbar { display: none }
.swagger-ui .info { margin: 24px 0 }
.swagger-ui .scheme-container { padding: 12px 0; box-shadow: none; border-bottom: 1px solid #e5e7eb }
@media (max-width: 640px) {
  .swagger-ui .wrapper { padding: 0 12px }
  .swagger-ui .info .title { font-size: 26px }
  .swagger-ui .opblock .opblock-summary { flex-wrap: wrap; gap: 4px }
  .swagger-ui .opblock .opblock-summary-control { flex-wrap: wrap; min-width: 0 }
  .swagger-ui .opblock .opblock-summary-method { min-width: 62px; padding: 6px 0; font-size: 12px }
  .swagger-ui .opblock .opblock-summary-path { max-width: 100%; font-size: 13px; word-break: break-word }
  .swagger-ui .opblock .opblock-summary-description { flex-basis: 100%; font-size: 12px; text-align: left }
  .swagger-ui .opblock-tag { font-size: 18px }
  .swagger-ui .parameters-col_name { width: auto; min-width: 90px }
  .swagger-ui table { display: block; overflow-x: auto }
  .swagger-ui .highlight-code, .swagger-ui .microlight { max-width: calc(100vw - 64px); overflow-x: auto }
  .swagger-ui .modal-ux { min-width: 0; width: calc(100vw - 24px) }
  .swagger-ui input[type=text], .swagger-ui textarea, .swagger-ui select { min-width: 0; width: 100%; font-size: 16px }
}
`;
