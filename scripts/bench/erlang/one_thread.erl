%% The rows of one-thread.mjs on OTP, one scheduler: erl -noshell -run one_thread main ROW
-module(one_thread).
-export([main/1]).

main([Row]) ->
    io:format("~s~n", [row(Row)]),
    halt().

row("ping-pong") -> number(ping_pong(2000000));
row("one-way") -> number(one_way(3000000));
row("fan-out-1000") -> number(fan_out(1000, 2000));
row("spawn") -> number(spawns(10000, 50));
row("idle") -> idle(200000);
row("million-alive") -> idle(1000000).

number(N) -> io_lib:format("~w", [N]).

per_second(Count, Work) ->
    {Micros, _} = timer:tc(Work),
    Count / (Micros / 1000000).

ping_pong(Count) ->
    Pong = spawn(fun pong/0),
    per_second(Count, fun() -> ping(Pong, 0, Count) end).

pong() ->
    receive {From, N} -> From ! #{n => N}, pong() end.

ping(_, Count, Count) -> ok;
ping(Pong, N, Count) ->
    Pong ! {self(), N},
    receive #{n := N} -> ping(Pong, N + 1, Count) end.

one_way(Count) ->
    Me = self(),
    per_second(Count, fun() ->
        Counter = spawn(fun() -> count(0, Count, Me) end),
        send_all(Counter, 0, Count),
        receive done -> ok end
    end).

count(Count, Count, To) -> To ! done;
count(N, Count, To) -> receive #{n := N} -> count(N + 1, Count, To) end.

send_all(_, Count, Count) -> ok;
send_all(To, N, Count) -> To ! #{n => N}, send_all(To, N + 1, Count).

fan_out(Subscribers, Publishes) ->
    Me = self(),
    Pids = [spawn(fun() -> count(0, Publishes, Me) end) || _ <- lists:seq(1, Subscribers)],
    per_second(Subscribers * Publishes, fun() ->
        lists:foreach(fun(N) ->
            Message = #{n => N},
            lists:foreach(fun(Pid) -> Pid ! Message end, Pids)
        end, lists:seq(0, Publishes - 1)),
        lists:foreach(fun(_) -> receive done -> ok end end, Pids)
    end).

spawns(Wave, Waves) ->
    per_second(Wave * Waves, fun() ->
        lists:foreach(fun(_) -> wave(Wave) end, lists:seq(1, Waves))
    end).

wave(Count) ->
    Me = self(),
    Pids = [spawn(fun() -> Me ! started, receive stop -> ok end end) || _ <- lists:seq(1, Count)],
    lists:foreach(fun(_) -> receive started -> ok end end, Pids),
    lists:foreach(fun(Pid) -> exit(Pid, shutdown) end, Pids).

idle(Count) ->
    erlang:garbage_collect(),
    Before = erlang:memory(processes),
    {Micros, Pids} = timer:tc(fun() ->
        [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, Count)]
    end),
    Bytes = (erlang:memory(processes) - Before) / Count,
    Count = length(Pids),
    io_lib:format("{\"bytes\":~w,\"perSecond\":~w}", [Bytes, Count / (Micros / 1000000)]).
