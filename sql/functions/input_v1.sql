-- Purpose: an input as JSON text, and its size in bytes; no text where it is larger than p_most, and
--          no size either where only its numbers make it so.
-- Caller:  whatever reads inputs of any size: request_unchecked.sql, request_load.sql, lists and pages.
-- Index:   none.
-- Locks:   none.
--
-- jsonb keeps a number as its digits and an exponent: 1e131000 takes a few bytes, and 131,001 when it
-- is written out; so does 0e-16383 with its 16,385. A row of two kilobytes can so become text of a
-- gigabyte, which no statement survives. So nothing is written out before the digits are counted: those
-- behind the point as they are, those before it as 100, or as 10,000; a number of more is refused.
-- `#> '{}'` unpacks a compressed value without writing it. The numbers are collected first, since
-- jsonb_path_query returns one after another in quadratic time.
CREATE FUNCTION ai_input_v1(p_input jsonb, p_most integer, OUT input_text text, OUT size_bytes bigint)
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = @schema@, pg_temp AS $function$
DECLARE
    -- What jsonb holds beside the text: 4 bytes an item and up to 8 a digit.
    c_overhead CONSTANT integer := 12;
BEGIN
    size_bytes := pg_column_size(p_input);
    IF size_bytes > 2 * p_most THEN
        RETURN;
    END IF;
    size_bytes := pg_column_size(p_input #> '{}');
    IF size_bytes > c_overhead * p_most::bigint THEN
        RETURN;
    END IF;
    IF p_input @? 'strict $.** ? (@ > 1e10000 || @ < -1e10000)'
        OR p_most < (
            SELECT sum(scale(n.x::numeric)
                + CASE WHEN n.x::numeric BETWEEN -1e100 AND 1e100 THEN 0 ELSE 10000 END)
            FROM jsonb_array_elements(
                jsonb_path_query_array(p_input, 'strict $.** ? (@.type() == "number")')) AS n (x))
    THEN
        size_bytes := NULL;
        RETURN;
    END IF;
    input_text := p_input::text;
    size_bytes := octet_length(input_text);
    IF size_bytes > p_most THEN
        input_text := NULL;
    END IF;
EXCEPTION WHEN statement_too_complex THEN
    -- Nested so deeply that the server itself does not walk through it.
    input_text := NULL;
    size_bytes := NULL;
END
$function$;
