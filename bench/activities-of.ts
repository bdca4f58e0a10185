/** What the history of a run says of its activities. */
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';

/** One activity, from its last attempt's start to its end; milliseconds since 1970. */
export type Activity = { name: string; started: number; ended: number; result: unknown };

/** Activities that have ended well, in the order of their ends. */
export async function activitiesOf({ workflow }: Client, run: string): Promise<Activity[]> {
  const { events } = await workflow.getHandle(run).fetchHistory();
  const names = new Map<string, string>();
  const starts = new Map<string, number>();
  const ended: Activity[] = [];
  for (const event of events ?? []) {
    const { activityTaskScheduledEventAttributes: scheduled, activityTaskStartedEventAttributes: started } = event;
    const completed = event.activityTaskCompletedEventAttributes;
    const time = millisecondsOf(event.eventTime);
    if (scheduled) names.set(String(event.eventId), scheduled.activityType?.name ?? '');
    if (started) starts.set(String(started.scheduledEventId), time);
    if (!completed) continue;
    const id = String(completed.scheduledEventId);
    const payload = completed.result?.payloads?.[0];
    const result: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
    ended.push({ name: names.get(id) ?? '', started: starts.get(id) ?? time, ended: time, result });
  }
  return ended;
}

type Timestamp = { seconds?: unknown; nanos?: number | null } | null | undefined;
const millisecondsOf = (time: Timestamp): number => Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;

export type Span = { started: number; ended: number };

/** Milliseconds that some of `spans` cover and none of `but`. */
export function covered(spans: Span[], but: Span[] = []): number {
  const edges = [...spans, ...but].flatMap(({ started, ended }) => [started, ended]).sort((a, b) => a - b);
  const inside = (all: Span[], from: number, to: number) => all.some(({ started, ended }) => started <= from && to <= ended);
  return edges.reduce((sum, to, i) => {
    const from = edges[i - 1] ?? to;
    return inside(spans, from, to) && !inside(but, from, to) ? sum + to - from : sum;
  }, 0);
}
