"""From query text to syntax tree: a lexer and a recursive-descent parser."""

import re
from functools import lru_cache
from typing import Any

from local.cosmos.sql.syntax import (
    ArrayOf,
    Between,
    Binary,
    Call,
    Column,
    Expression,
    In,
    Like,
    Literal,
    Logical,
    Member,
    Name,
    ObjectOf,
    Order,
    Parameter,
    Select,
    Source,
    Subquery,
    Ternary,
    Unary,
    query_error,
)

TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
    |(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<parameter>@[A-Za-z_0-9]+)
    |(?P<word>[^\W\d]\w*)
    |(?P<symbol><>|!=|<=|>=|\?\?|\|\||>>>|<<|>>|[-+*/%=<>(){}\[\],.:?&|^~])""",
    re.VERBOSE | re.DOTALL,
)
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
KEYWORDS = {
    "AND", "ARRAY", "AS", "ASC", "BETWEEN", "BY", "DESC", "DISTINCT", "ESCAPE", "EXISTS", "FALSE", "FROM", "GROUP",
    "IN", "JOIN", "LIKE", "LIMIT", "NOT", "NULL", "OFFSET", "OR", "ORDER", "SELECT", "TOP", "TRUE", "UNDEFINED",
    "VALUE", "WHERE",
}  # fmt: skip
# These read as plain names wherever a name is expected; the service allows it too.
SOFT_KEYWORDS = {"ARRAY", "VALUE", "OFFSET", "LIMIT", "TOP", "ESCAPE"}
# From the loosest to the tightest binding.
BINARY_LEVELS: list[set[str]] = [{"||"}, {"|"}, {"^"}, {"&"}, {"<<", ">>", ">>>"}, {"+", "-"}, {"*", "/", "%"}]
BINDING = {operator: level for level, operators in enumerate(BINARY_LEVELS) for operator in operators}
COMPARISONS = {"=", "!=", "<>", "<", ">", "<=", ">="}
QUERY_TEXT_MAX = 512 * 1024
DEPTH_MAX = 60


class Token:
    __slots__ = ("end", "kind", "start", "text", "upper")

    def __init__(self, kind: str, text: str, start: int, end: int) -> None:
        self.kind, self.text, self.start, self.end = kind, text, start, end
        self.upper = text.upper() if kind == "word" else ""


def tokens_of(text: str) -> list[Token]:
    found, position = [], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise syntax_error(text, position, position + 1)
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup or "", match.group(), match.start(), match.end()))
        position = match.end()
    found.append(Token("end", "", len(text), len(text)))
    return found


def syntax_error(text: str, start: int, end: int) -> Exception:
    return query_error("SC1001", f"Syntax error, incorrect syntax near '{text[start:end]}'.", start, end)


def unquote(text: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        code = match.group(1)
        return chr(int(code[1:], 16)) if len(code) == 5 else ESCAPES.get(code, code)

    plain = ESCAPE.sub(replaced, text[1:-1])
    # Two escapes may together be one character beyond U+FFFF.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@lru_cache(maxsize=512)
def parse(text: str) -> Select:
    """The tree of a whole query. Raises CosmosError (400, SC1001) where the service would."""
    if len(text) > QUERY_TEXT_MAX:
        raise query_error("SC3047", "The SQL query text exceeded the maximum limit of 524288 characters.")
    parser = Parser(text)
    query = parser.select()
    parser.expect_end()
    return query


@lru_cache(maxsize=128)
def parse_condition(text: str) -> Select:
    """The tree of a patch condition, which is a query from its FROM on."""
    return parse("SELECT * " + text)


class Parser:
    """Reads tokens from left to right; each method reads one construct of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self.position = 0
        self.depth = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    @property
    def follower(self) -> Token:
        """The token after the next one."""
        return self.tokens[min(self.position + 1, len(self.tokens) - 1)]

    def error(self) -> Exception:
        return syntax_error(self.text, self.next.start, self.next.end)

    def expect_end(self) -> None:
        if self.next.kind != "end":
            raise self.error()

    def take(self) -> Token:
        token = self.next
        # The end is never passed, so there always is a next token.
        self.position = min(self.position + 1, len(self.tokens) - 1)
        return token

    def is_word(self, *words: str) -> bool:
        return self.next.upper in words

    def is_symbol(self, *symbols: str) -> bool:
        return self.next.kind == "symbol" and self.next.text in symbols

    def accept_word(self, *words: str) -> bool:
        if self.is_word(*words):
            self.position += 1
            return True
        return False

    def accept_symbol(self, *symbols: str) -> bool:
        if self.is_symbol(*symbols):
            self.position += 1
            return True
        return False

    def expect_word(self, word: str) -> None:
        if not self.accept_word(word):
            raise self.error()

    def expect_symbol(self, symbol: str) -> None:
        if not self.accept_symbol(symbol):
            raise self.error()

    def is_name(self) -> bool:
        return self.next.kind == "word" and (self.next.upper not in KEYWORDS or self.next.upper in SOFT_KEYWORDS)

    def name(self) -> str:
        if not self.is_name():
            raise self.error()
        return self.take().text

    def text_since(self, start: int) -> str:
        return self.text[start : self.tokens[self.position - 1].end] if self.position else ""

    # -- clauses -----------------------------------------------------------------------------------------------

    def select(self) -> Select:
        self.deeper()
        query = Select()
        self.expect_word("SELECT")
        query.distinct = self.accept_word("DISTINCT")
        if self.is_word("TOP") and self.follower.kind in ("number", "parameter"):
            self.take()
            query.top = self.primary()
        self.columns(query)
        if self.is_word("FROM"):
            start = self.next.start
            self.take()
            self.sources(query)
            query.from_text = self.text_since(start)
        if self.accept_word("WHERE"):
            start = self.next.start
            query.where = self.expression()
            query.where_text = self.text_since(start)
        if self.accept_word("GROUP"):
            self.expect_word("BY")
            query.group_by = self.listed(self.group_column)
        if self.accept_word("ORDER"):
            self.expect_word("BY")
            query.order_by = self.listed(self.order)
        if self.accept_word("OFFSET"):
            query.offset = self.primary()
            self.expect_word("LIMIT")
            query.limit = self.primary()
        self.depth -= 1
        return query

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise query_error("SC3102", "The query exceeded the maximum nesting depth.")

    def listed(self, read: Any) -> list[Any]:
        found = [read()]
        while self.accept_symbol(","):
            found.append(read())
        return found

    def columns(self, query: Select) -> None:
        if self.accept_symbol("*"):
            query.star = True
            return
        # VALUE is also an ordinary name: SELECT value.x FROM value.
        follower = self.follower
        names_value = follower.text in (".", ",", "[") or follower.upper in ("AS", "FROM")
        if self.is_word("VALUE") and (not names_value or follower.text == "["):
            self.take()
            query.value = True
            query.columns = [self.value_column()]
            return
        query.columns = self.listed(self.column)

    def value_column(self) -> Column:
        start = self.next.start
        expression = self.expression()
        return Column(expression, None, self.text_since(start))

    def group_column(self) -> Column:
        return self.value_column()

    def column(self) -> Column:
        found = self.value_column()
        if self.accept_word("AS"):
            if self.next.kind == "string":
                found.alias = unquote(self.take().text)
            else:
                found.alias = self.name()
        elif self.is_name() and not self.is_word("OFFSET"):
            found.alias = self.name()
        return found

    def order(self) -> Order:
        start = self.next.start
        expression = self.expression()
        text = self.text_since(start)
        descending = self.is_word("DESC")
        self.accept_word("ASC", "DESC")
        return Order(expression, descending, text)

    def sources(self, query: Select) -> None:
        query.sources.append(self.source())
        while self.accept_word("JOIN") or self.accept_symbol(","):
            query.sources.append(self.source())

    def source(self) -> Source:
        if self.is_name() and self.follower.upper == "IN":
            alias = self.name()
            self.take()
            return Source(alias, self.source_expression(), iterates=True)
        expression = self.source_expression()
        is_aliased = self.accept_word("AS") or (self.is_name() and not self.is_word("OFFSET"))
        alias = self.name() if is_aliased else self.implied_alias(expression)
        return Source(alias, expression, iterates=isinstance(expression, Subquery))

    def source_expression(self) -> Expression:
        if self.is_symbol("(") and self.follower.upper == "SELECT":
            self.take()
            query = self.select()
            self.expect_symbol(")")
            return self.postfix(Subquery("rows", query))
        return self.postfix(self.primary())

    def implied_alias(self, expression: Expression) -> str:
        if isinstance(expression, Name):
            return expression.name
        if isinstance(expression, Member) and isinstance(expression.key, Literal):
            return str(expression.key.value)
        return ""

    # -- expressions, loosest binding first --------------------------------------------------------------------

    def expression(self) -> Expression:
        self.deeper()
        found = self.disjunction()
        while True:
            if self.accept_symbol("??"):
                found = Binary("??", found, self.disjunction())
            elif self.accept_symbol("?"):
                if_true = self.expression()
                self.expect_symbol(":")
                found = Ternary(found, if_true, self.expression())
            else:
                break
        self.depth -= 1
        return found

    def disjunction(self) -> Expression:
        parts = [self.conjunction()]
        while self.accept_word("OR"):
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else Logical("OR", parts)

    def conjunction(self) -> Expression:
        parts = [self.negation()]
        while self.accept_word("AND"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else Logical("AND", parts)

    def negation(self) -> Expression:
        if self.accept_word("NOT"):
            self.deeper()
            found = Unary("NOT", self.negation())
            self.depth -= 1
            return found
        return self.comparison()

    def comparison(self) -> Expression:
        found = self.binary(0)
        while True:
            if self.next.kind == "symbol" and self.next.text in COMPARISONS:
                operator = self.take().text
                found = Binary("!=" if operator == "<>" else operator, found, self.binary(0))
                continue
            following = self.follower
            negated = self.is_word("NOT") and following.upper in ("IN", "BETWEEN", "LIKE")
            if negated:
                self.take()
            if self.accept_word("IN"):
                self.expect_symbol("(")
                choices = self.listed(self.expression)
                self.expect_symbol(")")
                found = In(found, choices, negated)
            elif self.accept_word("BETWEEN"):
                low = self.binary(0)
                self.expect_word("AND")
                found = Between(found, low, self.binary(0), negated)
            elif self.accept_word("LIKE"):
                pattern = self.binary(0)
                found = Like(found, pattern, self.escape(), negated)
            else:
                return found

    def escape(self) -> str | None:
        if not self.accept_word("ESCAPE"):
            return None
        if self.next.kind != "string":
            raise self.error()
        return unquote(self.take().text)

    def binary(self, loosest: int) -> Expression:
        """Operators that bind at least as tightly as level `loosest`, by precedence climbing."""
        found = self.unary()
        while self.next.kind == "symbol" and BINDING.get(self.next.text, -1) >= loosest:
            operator = self.take().text
            found = Binary(operator, found, self.binary(BINDING[operator] + 1))
        return found

    def unary(self) -> Expression:
        if self.is_symbol("-", "+", "~"):
            self.deeper()
            operator = self.take().text
            operand = self.unary()
            self.depth -= 1
            if operator == "-" and isinstance(operand, Literal) and type(operand.value) in (int, float):
                return Literal(-operand.value)
            return Unary(operator, operand)
        return self.postfix(self.primary())

    def postfix(self, found: Expression) -> Expression:
        while True:
            if self.accept_symbol("."):
                if self.next.kind != "word":
                    raise self.error()
                found = Member(found, Literal(self.take().text))
            elif self.accept_symbol("["):
                found = Member(found, self.expression())
                self.expect_symbol("]")
            else:
                return found

    def primary(self) -> Expression:
        token = self.next
        if token.kind == "number":
            self.take()
            return Literal(self.number(token))
        if token.kind == "string":
            self.take()
            return Literal(unquote(token.text))
        if token.kind == "parameter":
            self.take()
            return Parameter(token.text)
        if token.kind == "word":
            return self.word()
        if self.accept_symbol("("):
            return self.parenthesis()
        if self.accept_symbol("["):
            items = [] if self.is_symbol("]") else self.listed(self.expression)
            self.expect_symbol("]")
            return ArrayOf(items)
        if self.accept_symbol("{"):
            pairs = [] if self.is_symbol("}") else self.listed(self.pair)
            self.expect_symbol("}")
            return ObjectOf(pairs)
        raise self.error()

    def number(self, token: Token) -> int | float:
        if token.text[:2] in ("0x", "0X"):
            return int(token.text, 16)
        if token.text.isdigit() and len(token.text) < 20:
            return int(token.text)
        value = float(token.text)
        if value == float("inf"):
            raise syntax_error(self.text, token.start, token.end)
        return value

    def pair(self) -> tuple[str, Expression]:
        if self.next.kind == "string":
            name = unquote(self.take().text)
        elif self.next.kind == "word":
            name = self.take().text
        else:
            raise self.error()
        self.expect_symbol(":")
        return name, self.expression()

    def parenthesis(self) -> Expression:
        if self.is_word("SELECT"):
            query = self.select()
            self.expect_symbol(")")
            return Subquery("scalar", query)
        found = self.expression()
        self.expect_symbol(")")
        return found

    def word(self) -> Expression:
        token = self.next
        constants = {"TRUE": True, "FALSE": False, "NULL": None}
        if token.upper in constants:
            self.take()
            return Literal(constants[token.upper])
        if token.upper == "UNDEFINED":
            self.take()
            return Name("undefined", token.start)
        follower = self.follower
        if token.upper in ("EXISTS", "ARRAY") and follower.text == "(":
            self.take()
            self.take()
            query = self.select()
            self.expect_symbol(")")
            return Subquery(token.upper.lower(), query)
        if not self.is_name() and not (follower.text == "(" and token.upper == "LEFT"):
            raise self.error()
        self.take()
        if follower.text == "(" and follower.kind == "symbol":
            return self.call(token.text, token)
        if token.text == "udf" and follower.text == ".":
            self.take()
            return self.call("udf." + self.name(), token)
        return Name(token.text, token.start)

    def call(self, name: str, token: Token) -> Call:
        self.expect_symbol("(")
        arguments = [] if self.is_symbol(")") else self.listed(self.expression)
        self.expect_symbol(")")
        return Call(name if name.startswith("udf.") else name.upper(), arguments, token.start, token.end)
