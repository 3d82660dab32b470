// the cross-mount oracle between "overlay" and "overlay".
import { oracleTest } from './suite.js'

await oracleTest('overlay', 'overlay', [1, 2, 3, 4, 5, 6])
