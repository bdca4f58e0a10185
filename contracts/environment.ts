/** Settings from the environment, in the names of the ecosystem. Entry points pass `process.env` in; nothing else reads it. */
import { z } from 'zod';

/** As text, like every variable: the supervisor hands them on to its workers. */
const Seconds = z
  .string()
  .refine((text) => Number(text) > 0, 'must be a number of seconds above 0')
  .optional();
const Count = z
  .string()
  .refine((text) => /^[1-9]\d{0,8}$/.test(text), 'must be a whole number above 0')
  .optional();
const Variables = z.object({
  TEMPORAL_ADDRESS: z.string().optional().describe('a Temporal server of yours; without it the embedded one is used'),
  TEMPORAL_NAMESPACE: z.string().default('fewlabels'),
  TEMPORAL_API_KEY: z.string().optional(),
  TEMPORAL_UI_URL: z.string().optional().describe('address of its web UI, for links'),
  S3_ENDPOINT: z.string().optional().describe('an S3 of yours, e.g. https://s3.example.org; without it the embedded MinIO is used'),
  S3_BUCKET: z.string().min(3, 'must be the name of a bucket, three letters or more').default('fewlabels'),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional().describe('goes with temporary keys'),
  AWS_REGION: z.string().default('us-east-1'),
  FEWLABELS_HOME: z.string().optional().describe('data folder of the embedded servers; default ~/.local/share/fewlabels'),
  FEWLABELS_SCRATCH: z.string().optional().describe('where trainers work; default: the system’s temporary folder'),
  FEWLABELS_STALL_SECONDS: Seconds.describe('silence after which a trainer is taken for hung; default 600'),
  FEWLABELS_GRACE_SECONDS: Seconds.describe('what a worker takes at most to end, less than whoever sends SIGKILL grants; default 18'),
  FEWLABELS_IDLE_EXIT: Seconds.describe('time without work after which a worker ends; without it, never'),
  FEWLABELS_TASKS: Count.describe('activities that a data or training worker takes before it ends; without it, any number'),
  FEWLABELS_LOG: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  XDG_CACHE_HOME: z.string().optional(),
  XDG_DATA_HOME: z.string().optional(),
  HOME: z.string().optional(),
});
const Environment = Variables.superRefine((variables, context) => {
  for (const key of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const) {
    if (variables.S3_ENDPOINT && !variables[key])
      context.addIssue({ code: 'custom', path: [key], message: 'must be set, as S3_ENDPOINT is' });
  }
});
export type Environment = z.infer<typeof Environment>;

/**
 * Read and check the environment. An empty variable counts as absent.
 * @throws Error naming every variable that is wrong, at once
 */
export function readEnvironment(env: Record<string, string | undefined>): Environment {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = Environment.safeParse(present);
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`Cannot read the environment as some variables break their rules:\n${mistakes.join('\n')}`);
}
