/** Measures that counts decide. `confusion[t][p]`: images of class t that the model called p; [C][C]. */

/** One class: shares of 0 to 1, undefined where they would be 0 of 0. */
export type ClassMeasures = { precision?: number; recall?: number; f1?: number };

/**
 * Of what is called by a class's name, the share that is right (precision); of its images, the share found (recall); their harmonic
 * mean (F1), which is 0 for a class that is never found though it has images.
 */
export function classMeasures(confusion: number[][]): ClassMeasures[] {
  return confusion.map((row, c) => {
    const [right, images, called] = [row[c]!, sum(row), sum(confusion.map((other) => other[c]!))];
    return { precision: share(right, called), recall: share(right, images), f1: share(2 * right, images + called) };
  });
}

/** Mean recall of the classes that have images: each class counts the same, however rare. */
export function balancedAccuracy(confusion: number[][]): number | undefined {
  const recalls = classMeasures(confusion).flatMap(({ recall }) => recall ?? []);
  return share(sum(recalls), recalls.length);
}

/**
 * Cohen's kappa with quadratic weights (Cohen 1968), for classes that are grades in order:
 *   κ = 1 − Σ w·O / Σ w·E,  w_tp = (t − p)²,  O the counts, E those of chance with the same row and column sums
 * @returns −1 to 1, 0 for chance; undefined when truth and answers are one and the same class throughout
 */
export function quadraticKappa(confusion: number[][]): number | undefined {
  const rows = confusion.map(sum);
  const columns = confusion.map((_, p) => sum(confusion.map((row) => row[p]!)));
  const images = sum(rows);
  let [observed, expected] = [0, 0];
  for (const [t, row] of confusion.entries()) {
    for (const [p, count] of row.entries()) {
      observed += (t - p) ** 2 * count;
      expected += ((t - p) ** 2 * rows[t]! * columns[p]!) / images;
    }
  }
  return expected > 0 ? 1 - observed / expected : undefined;
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
const share = (part: number, whole: number): number | undefined => (whole > 0 ? part / whole : undefined);
