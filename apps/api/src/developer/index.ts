export { addDeveloperCommands } from './developer-commands.js';
