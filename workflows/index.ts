/** The bundle: exactly the workflows a pipeline worker serves. */
export { pipeline } from './pipeline.ts';
