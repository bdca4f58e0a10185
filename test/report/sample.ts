/** A report's input with every part filled in; the numbers are made up, the class names hostile. */
import { Recipe } from '../../contracts/recipe.ts';
import type { Measures } from '../../contracts/scores.ts';
import { classMeasures } from '../../learning/measures/confusion.ts';
import type { ReportInput } from '../../report/report.ts';

export const HOSTILE = '<script>document.title="owned"</script>';
const CLASSES = [
  HOSTILE,
  '"><img src=x onerror=document.title="owned">',
  '🦠 monocyte',
  'eosinophil & co',
  '日本語のクラス',
  'a_very_long_class_name_that_goes_on_and_on',
];

const CONFUSION = CLASSES.map((_, t) => CLASSES.map((__, p) => (t === p ? 88 - 4 * t : p === (t + 1) % 6 ? 12 + 4 * t : 0)));

/** 5 % with three draws and 100 % with one; six classes, 600 test images. */
export function sampleInput(): ReportInput {
  const recipe = Recipe.parse({
    name: 'blood-cells',
    images: { train: `/data/${HOSTILE}/train` },
    labels: { fractions: [0.05, 0.25, 1], draws: [3, 2, 1] },
  });
  return {
    run: 'blood-cells-1a2b3c4d',
    recipe,
    classes: CLASSES,
    images: { pool: 3000, labelled: 3000, test: 600, size: 32 },
    setAside: {
      count: 3,
      examples: [
        { image: `a/${HOSTILE}.png`, reason: 'Input buffer contains unsupported image format' },
        { image: 'b/cut.jpg', reason: 'VipsJpeg: premature end of JPEG image' },
      ],
    },
    scores: [
      ...[0.7, 0.71, 0.72].map((accuracy, draw) => ({ model: 'classifier' as const, fraction: 0.05, draw, accuracy, images: 150 })),
      ...[0.5, 0.52, 0.54].map((accuracy, draw) => ({ model: 'baseline' as const, fraction: 0.05, draw, accuracy, images: 150 })),
      ...[0.695, 0.705, 0.715].map((accuracy, draw) => ({ model: 'student' as const, fraction: 0.05, draw, accuracy, images: 150 })),
      ...[0.8, 0.82].map((accuracy, draw) => ({ model: 'classifier' as const, fraction: 0.25, draw, accuracy, images: 750 })),
      ...[0.72, 0.74].map((accuracy, draw) => ({ model: 'baseline' as const, fraction: 0.25, draw, accuracy, images: 750 })),
      ...[0.8, 0.81].map((accuracy, draw) => ({ model: 'student' as const, fraction: 0.25, draw, accuracy, images: 750 })),
      { model: 'baseline', fraction: 1, draw: 0, accuracy: 0.868, images: 3000, measures: measures(0.868) },
      { model: 'classifier', fraction: 1, draw: 0, accuracy: 0.883, images: 3000, measures: measures(0.883, 0.015) },
      { model: 'student', fraction: 1, draw: 0, accuracy: 0.88, images: 3000, measures: measures(0.88, 0.012) },
    ],
    evaluations: [
      {
        model: 'student',
        fraction: 1,
        draw: 0,
        confusion: CONFUSION,
        byClass: classMeasures(CONFUSION).map((row, c) => ({ images: 100, ...row, auc: 0.99 - c / 100 })),
      },
    ],
    curves: [
      { stage: 'representation', points: curve(20, 5.2, 2.9) },
      { stage: 'baseline', fraction: 1, draw: 0, points: curve(30, 1.8, 0.1) },
      { stage: 'classifier', fraction: 1, draw: 0, points: curve(30, 1.4, 0.05) },
      { stage: 'student', fraction: 1, draw: 0, points: curve(20, 1.5, 0.6) },
    ],
    examples: Array.from({ length: 14 }, (_, i) => example(i)),
    timings: [
      { stage: 'shards', seconds: 3.2 },
      { stage: 'representation', seconds: 214 },
    ],
    artifacts: [{ stage: 'representation', what: '20 epochs', key: 'f'.repeat(32), digest: 'a'.repeat(64) }],
    made: { tensorflow: '2.21.0', device: 'cpu', threads: 2 },
    links: [
      { text: 'This run in the Temporal UI', href: 'http://127.0.0.1:8233/namespaces/fewlabels/workflows/blood-cells-1a2b3c4d' },
      { text: 'no link', href: 'javascript:document.title="owned"' },
    ],
    date: '2026-11-24T03:14:00.000Z',
  };
}

function measures(accuracy: number, more?: number): Measures {
  return {
    interval: [accuracy - 0.026, accuracy + 0.025],
    gain: more === undefined ? undefined : { accuracy: more, interval: [more - 0.019, more + 0.02] },
    top5: 0.995,
    balancedAccuracy: accuracy - 0.01,
    balancedInterval: [accuracy - 0.041, accuracy + 0.02],
    auc: 0.97 + accuracy / 100,
    confidence: accuracy + 0.03,
    calibrationError: 0.0412,
    loss: 0.4,
  };
}

function curve(epochs: number, from: number, to: number) {
  return Array.from({ length: epochs * 12 }, (_, step) => {
    const epoch = step / 12;
    return { step, epoch, loss: to + (from - to) * Math.exp((-4 * epoch) / epochs) + 0.1 * Math.sin(step), learningRate: 0.1 };
  });
}

function example(i: number): ReportInput['examples'][number] {
  const pixels = new Uint8Array(32 * 32 * 3).map((_, k) => {
    const [x, y] = [Math.floor(k / 3) % 32, Math.floor(k / 96)];
    const inside = (x - 16) ** 2 + (y - 16) ** 2 < 60 + 10 * i;
    return inside ? 60 + 40 * (k % 3) + ((x * y * (i + 1)) % 60) : 225 - 10 * (k % 3) + ((x + y * i) % 20);
  });
  const truth = i % 6;
  const called = i % 3 === 0 ? (truth + 1) % 6 : truth;
  return {
    id: `test/${HOSTILE}/${i}.png`,
    pixels,
    size: 32,
    truth,
    predictions: [
      { class: called, probability: 0.61 },
      { class: (called + 5) % 6, probability: 0.3 },
      { class: (called + 2) % 6, probability: 0.06 },
    ],
  };
}
