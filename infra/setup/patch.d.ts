/** Types of patch.js, for its tests. */
export function applyPatch(folder: string, diff: string): Promise<void>;
