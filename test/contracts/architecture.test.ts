import { expect, test } from 'vitest';
import { classifierArchitecture, representationArchitecture, studentArchitecture } from '../../contracts/architecture.ts';
import { Recipe, type RecipeInput } from '../../contracts/recipe.ts';

const recipeOf = (changes: Partial<RecipeInput> = {}) => Recipe.parse({ name: 'x', images: { train: 'x' }, ...changes });
const encoderOf = (encoder: RecipeInput['encoder'], size = 32) => representationArchitecture(recipeOf({ encoder }), size).encoder;

test('representationArchitecture: of a plain network nothing is said that older files do not say', () => {
  expect(representationArchitecture(recipeOf(), 32)).toEqual({
    encoder: { depth: 18, width: 0.5, stem: 'small' },
    headLayers: 3,
    projection: 64,
    classes: 0,
    size: 32,
  });
});

test('representationArchitecture: options are kept where they change the network, and left out where they do not', () => {
  const torchvision = { shortcut: 'torchvision', padding: 'torchvision', colours: 'torchvision' } as const;
  expect(encoderOf({ width: 1, ...torchvision }, 224)).toEqual({ depth: 18, width: 1, stem: 'imagenet', ...torchvision });
  expect(encoderOf({ width: 1, ...torchvision }, 32)).toEqual({
    depth: 18,
    width: 1,
    stem: 'small',
    shortcut: 'torchvision',
    colours: 'torchvision',
  });
  const deep = { depth: 50, width: 1, selectiveKernel: true } as const;
  expect(encoderOf({ ...deep, ...torchvision }, 224)).toEqual({
    ...deep,
    stem: 'imagenet',
    padding: 'torchvision',
    colours: 'torchvision',
  });
  expect(encoderOf({ depth: 50, width: 1 })).toEqual({ depth: 50, width: 1, stem: 'small' });
});

test('classifierArchitecture: keeps as many head layers as fine-tuning begins from', () => {
  const recipe = recipeOf({ pretrain: { headLayers: 3 }, finetune: { fromHeadLayer: 2 } });
  expect(classifierArchitecture(recipe, 32, 5)).toMatchObject({ headLayers: 2, classes: 5 });
});

test('studentArchitecture: has the teacher’s kernels unless it is said or its depth has no place for them', () => {
  const student = (wanted: NonNullable<RecipeInput['distill']>['student']) => {
    const recipe = recipeOf({ encoder: { depth: 50, width: 1, selectiveKernel: true }, distill: { student: wanted } });
    return studentArchitecture(recipe, 32, 2).encoder;
  };
  expect(student({ width: 0.5 })).toEqual({ depth: 50, width: 0.5, stem: 'small', selectiveKernel: true });
  expect(student({ selectiveKernel: false })).toEqual({ depth: 50, width: 1, stem: 'small' });
  expect(student({ depth: 18 })).toEqual({ depth: 18, width: 1, stem: 'small' });
  const colours = recipeOf({ encoder: { depth: 50, width: 1, colours: 'torchvision' }, distill: { student: { depth: 18 } } });
  expect(studentArchitecture(colours, 32, 2).encoder).toEqual({ depth: 18, width: 1, stem: 'small', colours: 'torchvision' });
});
