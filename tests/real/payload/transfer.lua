-- A transfer of money between two accounts per event: the sum of all balances never changes, and the
-- ledger has a row for each committed transfer. Deadlocks are rolled back and tried again.

sysbench.cmdline.options = { accounts = { "Number of accounts", 200 } }

function thread_init()
   connection = sysbench.sql.driver():connect()
end

function thread_done()
   connection:disconnect()
end

function event()
   local from = sysbench.rand.uniform(1, sysbench.opt.accounts)
   local to = sysbench.rand.uniform(1, sysbench.opt.accounts - 1)
   if to >= from then to = to + 1 end
   local amount = sysbench.rand.uniform(1, 20)

   connection:query("BEGIN")
   local balance = connection:query_row("SELECT balance FROM account WHERE id = " .. from .. " FOR UPDATE")
   if tonumber(balance) < amount then
      connection:query("ROLLBACK")
      return
   end
   connection:query("UPDATE account SET balance = balance - " .. amount .. " WHERE id = " .. from)
   connection:query("UPDATE account SET balance = balance + " .. amount .. " WHERE id = " .. to)
   connection:query("INSERT INTO ledger (giver, taker, amount) VALUES (" .. from .. ", " .. to .. ", " .. amount .. ")")
   connection:query("COMMIT")
end

function sysbench.hooks.sql_error_ignorable(error)
   -- 1213: deadlock, 1205: lock wait timeout; both roll back. MariaDB 10.11 adds 1020: the row has changed.
   return error.sql_errno == 1213 or error.sql_errno == 1205 or error.sql_errno == 1020
end
