/** Types of cache.js, for its tests. */
type Note = (text: string) => void;

export function cached(folder: string, note: Note, make: (partial: string) => Promise<void>): Promise<string>;
export function withLock<T>(file: string, note: Note, work: (share: (pid: number) => void) => Promise<T>): Promise<T>;
