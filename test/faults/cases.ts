/** The fourteen cases of the fault suite: what is done, what comes of it, and which test sees to it. */

/** `test`: its name, as it is run. What stands under `test/faults/` is measured. */
export type Case = { number: number; how: string; outcome: string; file: string; test: string };

const one = (number: number, how: string, outcome: string, file: string, test: string): Case => ({ number, how, outcome, file, test });
const KILLED = 'test/faults/killed.faults.ts';
const AWAY = 'test/faults/servers.faults.ts';
const RESUMED = 'goes on from the newest checkpoint to the same bits';
const OLDER = 'that checkpoint does not exist; goes on from the one before to the same bits';

export const CASES: Case[] = [
  one(1, 'SIGKILL of the trainer in mid-segment', RESUMED, KILLED, 'case 1: a trainer killed in the midst of a segment'),
  one(1, 'SIGKILL of its worker in mid-upload', OLDER, KILLED, 'case 1: a training worker killed in the midst of an upload'),
  one(1, '… between data and manifest', OLDER, KILLED, 'case 1: a training worker killed between data and manifest of a checkpoint'),
  one(
    1,
    '… right after the manifest',
    'that checkpoint counts; same bits',
    KILLED,
    'case 1: a training worker killed right after the manifest of a checkpoint',
  ),
  one(
    2,
    'SIGKILL of trainer and worker, to the student',
    'same student, same scores',
    'test/workflows/killed.test.ts',
    'a killed trainer and a killed training worker change nothing in the student',
  ),
  one(
    2,
    'SIGTERM of the worker',
    'ends with status 0 after a last checkpoint; same bits',
    KILLED,
    'case 2: a training worker told to end hands its segment over without a step lost',
  ),
  one(
    3,
    'a trainer that hangs',
    '`TrainerStalled`; goes on from the newest checkpoint',
    'test/activities/trainer.test.ts',
    'superviseTrainer: a trainer that hangs with inputs before it is ended as stalled',
  ),
  one(
    3,
    'SIGSTOP of the worker, SIGCONT once another has taken over (4); no checkpoints before',
    'heartbeat timeout; of two commits of one step one counts; same bits',
    KILLED,
    'cases 3 and 4: a training worker that hangs is lost, another goes on, and what the first one does when it wakes changes nothing',
  ),
  one(
    4,
    'two attempts commit one step',
    'one checkpoint, the data of the winner',
    'test/store/artifacts.test.ts',
    'commitCheckpoint: two attempts at one step leave one checkpoint, the data of the winner',
  ),
  one(
    4,
    'one attempt prunes what another has listed',
    'lists again and goes on from what is there now',
    'test/activities/chain-faults.test.ts',
    'trainSegment: where others have pruned all that it had listed, it lists again and goes on from what they wrote',
  ),
  ...['flipped', 'cut', 'deleted'].map((how) =>
    one(
      5,
      `newest checkpoint ${how}`,
      'passed over with a record; goes on from the one before to the same bits',
      KILLED,
      `case 5: the newest checkpoint ${how} while its worker is gone`,
    ),
  ),
  one(
    5,
    'every checkpoint broken',
    '`DataIntegrity`: nothing is trained anew in silence',
    'test/activities/checkpoints.test.ts',
    'fetchCheckpoint: where every one is broken it says so and touches none, so that nothing is trained anew in silence',
  ),
  one(6, 'HTTP 429, 500, 502, 503', 'tried again', 'test/store/s3-faults.test.ts', 's3 store: HTTP 503 is tried again'),
  one(
    6,
    'reset in mid-PUT, lost answers',
    'sent again in part',
    'test/store/s3-faults.test.ts',
    'put: a large upload survives a failed part and a lost answer to its end',
  ),
  one(
    6,
    'reset in mid-GET',
    'goes on where it broke',
    'test/store/s3-faults.test.ts',
    'stream: a download that breaks goes on where it broke',
  ),
  one(
    6,
    'slow and silent servers',
    'given up after a minute, tried again',
    'test/store/s3-faults.test.ts',
    's3 store: a server that says nothing is given up and tried again',
  ),
  one(
    6,
    '412',
    'the other writer counts',
    'test/store/s3-faults.test.ts',
    'putIfAbsent: a broken connection to an object of another writer counts as lost',
  ),
  one(
    6,
    'stale LIST',
    'trains on from an older checkpoint and adopts the newer one on the way; same bits',
    'test/activities/chain-faults.test.ts',
    'trainSegment: a listing that lacks the newest checkpoint costs its steps and nothing else',
  ),
  one(
    6,
    'a whole run with 5 % errors, 5 % resets, up to 2 s latency',
    'same student',
    'test/faults/chaos.faults.ts',
    'case 6: a whole run through errors, broken connections and latency ends in the same student',
  ),
  one(
    6,
    'SIGKILL of MinIO, back after 20 s',
    'waits; same bits',
    AWAY,
    'case 6: a MinIO that is killed and away for longer than its clients try again',
  ),
  one(
    7,
    'SIGKILL of Temporal, back after 10 s',
    'goes on; same bits',
    AWAY,
    'case 7: a Temporal server killed and started again on its data',
  ),
  one(
    8,
    'no pipeline worker',
    'the segment under way is trained to its end; the next follows when there is one again',
    AWAY,
    'case 8: without a pipeline worker a segment is trained to its end, and the run goes on when there is one again',
  ),
  one(
    9,
    'paused in the midst of a training',
    'same student',
    'test/workflows/pages.test.ts',
    'a run over many pages, paused in the midst of a training, ends in the student of one that was not',
  ),
  one(
    9,
    'its training paused in the Temporal UI, and let go on',
    'a last checkpoint, no trainer meanwhile; same bits',
    AWAY,
    'case 9: a training paused in the Temporal UI writes a last checkpoint, and goes on from it when it is let go on',
  ),
  one(
    9,
    'cancelled in each of its stages, and started again',
    'soon over; same student, same scores',
    'test/workflows/cancel.test.ts',
    'the same recipe, run after all that, has the student of a run that nobody disturbed',
  ),
  one(9, 'terminated, started again', RESUMED, AWAY, 'case 9: a run that was terminated goes on where it was when it is started again'),
  one(
    9,
    'reset to its beginning',
    'finds again what was done; same bits',
    AWAY,
    'case 9: a run that is reset to its beginning finds again what was done',
  ),
  one(
    10,
    'started twice, and two runs of one recipe',
    'the second start is refused; the runs share all work',
    AWAY,
    'case 10: of two starts of a run one counts, and two runs of one recipe share their work',
  ),
  one(
    11,
    'changed workflow code',
    'recorded runs replay',
    'test/workflows/replay.test.ts',
    'workflows: every recorded run replays, and one that was tampered with does not',
  ),
  one(
    12,
    'stopped after N steps of every training',
    'same bytes',
    'test/learning/loops/resume.test.ts',
    'stopped after step %i and resumed gives the same bytes as never stopped',
  ),
  one(
    13,
    'scratch disk full',
    '`ScratchFull`; goes on once there is space',
    AWAY,
    'case 13: a scratch disk that is full fails no run: it waits until there is space again',
  ),
  one(
    14,
    'any sequence of commits, damage and pruning',
    'the newest sound checkpoint can be read',
    'test/store/checkpoints.test.ts',
    'pruneCheckpoints: after any sequence of commits, damage and pruning the newest sound one can be read',
  ),
];
