%% One row of groups on OTP's pg, between this node and another: prints milliseconds. See groups.mjs.
-module(groups).
-export([main/1, do/1]).

-define(GROUPS, 10000).

main([Row, Folder]) ->
    {ok, Peer, Node} = peer:start(#{name => b, host => "localhost", connection => standard_io,
                                    args => ["-start_epmd", "false", "-setcookie", "bench", "-pa", Folder]}),
    {ok, _} = pg:start(bench),
    {Ref, _} = pg:monitor_scope(bench),
    ok = peer:call(Peer, ?MODULE, do, [start]),
    true = net_kernel:connect_node(Node),
    wait(fun() -> sys:get_state(bench), peer:call(Peer, ?MODULE, do, [peers]) =:= 1 end),
    io:format("~.3f", [row(Row, Peer, Node, Ref)]),
    halt(0).

row("groups-join", Peer, _, Ref) ->
    seen(Ref, fun() -> peer:cast(Peer, ?MODULE, do, [join]) end);
row("groups-leave", Peer, _, Ref) ->
    seen(Ref, fun() -> peer:cast(Peer, ?MODULE, do, [join]) end),
    seen(Ref, fun() -> peer:cast(Peer, ?MODULE, do, [leave]) end);
row("groups-snapshot", Peer, Node, Ref) ->
    seen(Ref, fun() -> peer:cast(Peer, ?MODULE, do, [join]) end),
    seen(Ref, fun() -> erlang:disconnect_node(Node) end),
    seen(Ref, fun() -> net_kernel:connect_node(Node) end);
row("members-join", Peer, _, Ref) ->
    ok = peer:call(Peer, ?MODULE, do, [spawn]),
    seen(Ref, fun() -> peer:cast(Peer, ?MODULE, do, [join_one]) end);
row("members-exit", Peer, _, Ref) ->
    ok = peer:call(Peer, ?MODULE, do, [spawn]),
    seen(Ref, fun() -> peer:cast(Peer, ?MODULE, do, [join_one]) end),
    seen(Ref, fun() -> peer:cast(Peer, ?MODULE, do, [exit]) end);
row("groups-killed", Peer, _, Ref) ->
    seen(Ref, fun() -> peer:cast(Peer, ?MODULE, do, [join]) end),
    Pid = peer:call(Peer, os, getpid, []),
    Kill = open_port({spawn_executable, os:find_executable("sh")}, [{args, ["-c", "read x; kill -9 " ++ Pid]}]),
    seen(Ref, fun() -> port_command(Kill, "go\n") end).

%% Milliseconds from the order until so many pids have joined or left here.
seen(Ref, Order) ->
    Start = erlang:monotonic_time(microsecond),
    Order(),
    count(Ref, ?GROUPS),
    (erlang:monotonic_time(microsecond) - Start) / 1000.

count(_, 0) -> ok;
count(Ref, Left) ->
    receive {Ref, _, _, Pids} -> count(Ref, Left - length(Pids)) end.

wait(Holds) ->
    case Holds() of
        true -> ok;
        false -> timer:sleep(5), wait(Holds)
    end.

%% What the other node does; a process of its own keeps what lives.
do(start) ->
    {ok, _} = pg:start(bench),
    register(keeper, spawn(fun() -> keep([]) end)),
    ok;
do(peers) -> maps:size(element(4, sys:get_state(bench)));
do(Order) ->
    Ref = monitor(process, keeper),
    keeper ! {self(), Ref, Order},
    receive Ref -> demonitor(Ref, [flush]), ok end.

keep(Pids) ->
    receive
        {From, Ref, Order} ->
            Next = perform(Order, Pids),
            From ! Ref,
            keep(Next)
    end.

perform(join, Pids) -> [pg:join(bench, {group, N}, self()) || N <- lists:seq(1, ?GROUPS)], Pids;
perform(leave, Pids) -> [pg:leave(bench, {group, N}, self()) || N <- lists:seq(1, ?GROUPS)], Pids;
perform(spawn, _) -> [spawn(fun() -> receive never -> ok end end) || _ <- lists:seq(1, ?GROUPS)];
perform(join_one, Pids) -> [pg:join(bench, one, Pid) || Pid <- Pids], Pids;
perform(exit, Pids) -> [exit(Pid, kill) || Pid <- Pids], [].
