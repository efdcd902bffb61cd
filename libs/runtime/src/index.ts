export * from './config-fields.js';
export { createLogger, type Logger, type LoggerOptions, type LogLevel } from './create-logger.js';
export { describeConfig, type ConfigVariable } from './describe-config.js';
export { armFailpoints, failpoint, FAILPOINTS, type FailpointName } from './failpoints/index.js';
export * from './internal-signature.js';
export { ConfigError, loadConfig, loadConfigOrExit, type ConfigProblem } from './load-config.js';
export { logFields, maskText } from './log-fields.js';
export { Shutdown, type ShutdownOptions } from './shutdown.js';
