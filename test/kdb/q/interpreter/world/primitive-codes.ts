// The byte that stands for a primitive in a message: 101 unary, 102 binary. In the order of `.Q.res` and the operators of k.

export const unaryCodes: readonly string[] =
  `:: flip neg first reciprocal where reverse null group iasc idesc string enlist count floor not key distinct type value read0 read1 2:
  avg last sum prd min max exit getenv abs sqrt log exp sin asin cos acos tan atan enlist var dev hopen`.split(/\s+/);

export const binaryCodes: readonly string[] =
  `: + - * % & | ^ = < > $ , # _ ~ ! ? @ . 0: 1: 2: in within like bin ss insert wsum wavg div xexp setenv binr cov cor`.split(
    /\s+/,
  );
