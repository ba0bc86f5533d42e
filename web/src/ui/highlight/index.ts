/** The colours of code: rules and styles, which `colouring.ts` loads together. */

export { codeStyles } from "./styles";
export { tokens } from "./tokens";
