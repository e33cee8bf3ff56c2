export { Circuit, isOpenCircuit } from './circuit';
