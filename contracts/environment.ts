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
/** `true` or `false`, as the Temporal command line takes it; anything else would be guessed at, and a guess may send secrets in the clear. */
const Switch = z.enum(['true', 'false', '1', '0'], 'must be true or false').optional();
const Variables = z.object({
  TEMPORAL_ADDRESS: z.string().optional().describe('a Temporal server of yours; without it the embedded one is used'),
  TEMPORAL_NAMESPACE: z.string().default('fewlabels'),
  TEMPORAL_API_KEY: z.string().optional().describe('turns TLS on'),
  TEMPORAL_TLS: Switch.describe('on as well where one of those that follow is set'),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: z.string().optional().describe('whom to trust instead of the usual authorities'),
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: z.string().optional().describe('the same, itself instead of its file; so below'),
  TEMPORAL_TLS_SERVER_NAME: z.string().optional().describe('name in the server’s certificate, where it is not that of the address'),
  TEMPORAL_TLS_CLIENT_CERT_PATH: z.string().optional().describe('who we are, where the server asks for it (mTLS)'),
  TEMPORAL_TLS_CLIENT_CERT_DATA: z.string().optional(),
  TEMPORAL_TLS_CLIENT_KEY_PATH: z.string().optional(),
  TEMPORAL_TLS_CLIENT_KEY_DATA: z.string().optional(),
  TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: Switch,
  TEMPORAL_UI_URL: z.string().optional().describe('address of its web UI, for links'),
  S3_ENDPOINT: z.string().optional().describe('an S3 of yours, e.g. https://s3.example.org; without it the embedded MinIO is used'),
  S3_BUCKET: z.string().min(3, 'must be the name of a bucket, three letters or more').default('fewlabels'),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional().describe('goes with temporary keys'),
  AWS_REGION: z.string().default('us-east-1'),
  AWS_CA_BUNDLE: z.string().optional().describe('file of the authorities to trust at an https endpoint, instead of the usual ones'),
  FEWLABELS_CODEC_KEY: z.string().optional().describe('32 bytes in base64: what goes through Temporal is encrypted; older keys after it'),
  FEWLABELS_CODEC_KEY_FILE: z.string().optional().describe('the same, in a file, one a line'),
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
  for (const [path, message] of mistakenPairs(variables)) context.addIssue({ code: 'custom', path: [path], message });
});
export type Environment = z.infer<typeof Environment>;
type Name = keyof z.infer<typeof Variables>;

/** Variables that name a file. Whoever hands them on to a process in another folder makes them absolute first. */
export const FILES = [
  'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  'TEMPORAL_TLS_CLIENT_CERT_PATH',
  'TEMPORAL_TLS_CLIENT_KEY_PATH',
  'AWS_CA_BUNDLE',
  'FEWLABELS_CODEC_KEY_FILE',
] as const satisfies Name[];

/** What does not go together, or not alone. */
function mistakenPairs(variables: z.infer<typeof Variables>): [Name, string][] {
  const isSet = (name: Name) => variables[name] !== undefined;
  const twice: [Name, Name][] = [
    ['TEMPORAL_TLS_SERVER_CA_CERT_PATH', 'TEMPORAL_TLS_SERVER_CA_CERT_DATA'],
    ['TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CLIENT_CERT_DATA'],
    ['TEMPORAL_TLS_CLIENT_KEY_PATH', 'TEMPORAL_TLS_CLIENT_KEY_DATA'],
    ['FEWLABELS_CODEC_KEY', 'FEWLABELS_CODEC_KEY_FILE'],
  ];
  const [hasCertificate, hasKey] = (['CERT', 'KEY'] as const).map(
    (what) => isSet(`TEMPORAL_TLS_CLIENT_${what}_PATH`) || isSet(`TEMPORAL_TLS_CLIENT_${what}_DATA`),
  );
  const isOff = variables.TEMPORAL_TLS === 'false' || variables.TEMPORAL_TLS === '0';
  const isUnverified = ['true', '1'].includes(variables.TEMPORAL_TLS_DISABLE_HOST_VERIFICATION ?? '');
  return [
    ...twice.flatMap(([one, other]): [Name, string][] => (isSet(one) && isSet(other) ? [[one, `must not be set beside ${other}`]] : [])),
    ...(hasCertificate && !hasKey ? [['TEMPORAL_TLS_CLIENT_KEY_PATH', 'must be set, as the certificate is'] as [Name, string]] : []),
    ...(hasKey && !hasCertificate ? [['TEMPORAL_TLS_CLIENT_CERT_PATH', 'must be set, as its key is'] as [Name, string]] : []),
    ...(isOff && isSet('TEMPORAL_API_KEY')
      ? [['TEMPORAL_TLS', 'must not be off, as TEMPORAL_API_KEY would travel in the clear'] as [Name, string]]
      : []),
    ...(isUnverified
      ? [
          [
            'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION',
            'must be off, as servers are always verified: name theirs in TEMPORAL_TLS_SERVER_CA_CERT_PATH',
          ] as [Name, string],
        ]
      : []),
  ];
}

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
