/** Times of blocks are read message by message, whatever Postgres believes of how many a tenant has. */
export default /* sql */ `
-- As in 0025, but for OFFSET 0: with statistics of a time when a tenant had few messages, the whole of its index was read
-- and joined with each message of the batch.
CREATE OR REPLACE FUNCTION wagate_widen_search_blocks(tenant text, ids text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO search_blocks AS b (tenant_id, block, oldest, newest)
  SELECT tenant, x.block, min(least(m.occurred_at, m.created_at)) - interval '1 hour',
    max(greatest(m.occurred_at, m.created_at)) + interval '1 hour'
  FROM unnest(ids) AS i (id)
    CROSS JOIN LATERAL (SELECT s.block FROM message_search s
      WHERE s.tenant_id = tenant AND s.message_id = i.id OFFSET 0) x
    CROSS JOIN LATERAL (SELECT n.occurred_at, n.created_at FROM messages n
      WHERE n.tenant_id = tenant AND n.id = i.id OFFSET 0) m
  GROUP BY x.block ORDER BY x.block
  ON CONFLICT (tenant_id, block) DO UPDATE
    SET oldest = least(b.oldest, excluded.oldest), newest = greatest(b.newest, excluded.newest)
    WHERE b.oldest > excluded.oldest OR b.newest < excluded.newest;
END $$;
`;
