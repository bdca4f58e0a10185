/** A pipeline of other code than a run began with: its workflow tasks fail. */
export async function pipeline(): Promise<never> {
  throw new TypeError('Cannot read what this version does not know');
}
