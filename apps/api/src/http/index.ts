export { answerProblem } from './answer-problem.js';
export { hangUpOf } from './hang-up.js';
export { NestLogger, LOGGER } from './logger.js';
export { ApiProblems, Operation, type OperationOptions } from './operation.js';
export {
  pageQuerySchema,
  pageSchema,
  readPage,
  toPage,
  type Page,
  type PageQuery,
  type PageRequest,
} from './pagination.js';
export { plainText } from './plain-text.js';
export { API_PREFIX, routeOf, type ApiReply, type ApiRequest } from './request.js';
export { setLocation } from './set-location.js';
export { detailsOf } from './zod-details.js';
