/** What others worked out, beside what our code gives. */

/** `expected` and `ours`: the same numbers; `within`: how far they may lie apart, relative where they are above 1 (1e-5 unless said). */
export type Answer = { what: string; source: string; expected: number[]; ours: () => number[]; within?: number };
export type Part = { title: string; answers: Answer[] };
