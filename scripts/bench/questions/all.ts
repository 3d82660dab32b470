// all - the questions in the order in which they are asked: a new file is one line here.
import type { Question } from '../question.js'
import { apt } from './apt.js'
import { churn } from './churn.js'
import { clients } from './clients.js'
import { compile } from './compile.js'
import { copyUp } from './copy-up.js'
import { depth } from './depth.js'
import { firstLookup } from './first-lookup.js'
import { git } from './git.js'
import { listLong } from './list-long.js'
import { memory } from './memory.js'
import { manyLayers } from './many-layers.js'
import { misses } from './misses.js'
import { mmap } from './mmap.js'
import { mount } from './mount.js'
import { npm } from './npm.js'
import { pathIndex } from './path-index.js'
import { random } from './random.js'
import { remove } from './remove.js'
import { seqRead } from './seq-read.js'
import { seqWrite } from './seq-write.js'
import { smallFiles } from './small-files.js'
import { sqlite } from './sqlite.js'
import { startUp } from './start-up.js'
import { unpack } from './unpack.js'
import { walk } from './walk.js'

export const allQuestions: readonly Question[] = [
  ...[walk, smallFiles, misses, listLong, churn, unpack, remove],
  ...[depth, firstLookup, manyLayers, pathIndex],
  ...[seqRead, seqWrite, random, mmap, sqlite, copyUp, clients],
  ...[git, compile, npm, startUp, apt, mount, memory],
]
