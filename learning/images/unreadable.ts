/** An image that cannot be used; `reason` in one line. It is set aside, never a crash. */
export class UnreadableImage extends Error {
  override readonly name = 'UnreadableImage';
  constructor(
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`Cannot decode the image as ${reason}`, options);
  }
}
