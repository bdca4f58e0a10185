/** All benchmarks, in the order they run and stand on the page. */
import type { Benchmark } from './benchmark.ts';
import { firstStep } from './cases/first-step.ts';
import { growth } from './cases/growth.ts';
import { inference } from './cases/inference.ts';
import { pipelineBenchmark } from './cases/pipeline.ts';
import { trainingBenchmarks } from './cases/training.ts';
import { viewBenchmarks } from './cases/views.ts';

export const suite: Benchmark[] = [...trainingBenchmarks, inference, firstStep, ...viewBenchmarks, growth, pipelineBenchmark];
