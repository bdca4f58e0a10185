/** Writes what the fault suite measured into its table, when it is over. */
import type { Reporter, TestModule } from 'vitest/node';
import type { Recovery } from './held.ts';
import { writeCases } from './page.ts';

export default {
  async onTestRunEnd(modules: readonly TestModule[]): Promise<void> {
    const tests = modules.flatMap((module) => [...module.children.allTests('passed')]);
    await writeCases(
      new Map(tests.flatMap((test): [string, Recovery][] => (test.meta().fault ? [[test.name, test.meta().fault as Recovery]] : []))),
    );
  },
} satisfies Reporter;
