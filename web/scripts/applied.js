// Nothing happens here but the choice of language.

import "./words.js";
