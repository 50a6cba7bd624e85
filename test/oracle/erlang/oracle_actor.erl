%% A process that does what a scenario says, in the order in which it is told; other messages stay in its mailbox.
-module(oracle_actor).
-export([start/2]).

start(Name, Flags) ->
    put(kind, actor),
    put(name, Name),
    lists:member(trap, Flags) andalso process_flag(trap_exit, true),
    loop().

loop() ->
    receive
        {step, _, _, return, []} -> ok;
        {step, From, Ref, Op, Args} -> From ! {result, Ref, do(Op, Args)}, loop();
        {ping, From, Ref} -> From ! {pong, Ref}, loop()
    end.

do(batch, Steps) -> [do(Op, Args) || [Op | Args] <- Steps];
do(visit, Pids) -> [visit(Pid) || Pid <- Pids], ok;
do(mailbox, []) -> {mail, mailbox()};
do(spawn, [Name, Flags, Label]) ->
    Options = [Flag || Flag <- Flags, Flag =:= link] ++ [monitor || Label =/= none],
    {Tag, Start} = case lists:member(fails, Flags) of
        true -> {failing, fun() -> error(crash) end};
        false -> {spawned, fun() -> start(Name, Flags) end}
    end,
    case spawn_opt(Start, Options) of
        {Pid, Ref} -> {Tag, Name, Pid, Label, Ref};
        Pid -> {Tag, Name, Pid, none, none}
    end;
do(send, [To, Text]) -> To ! {msg, get(name), Text}, ok;
do(send_name, [Name, Text]) -> try Name ! {msg, get(name), Text}, ok catch error:badarg -> {raises, badarg} end;
do(link, [Pid]) -> link(Pid), ok;
do(try_link, [Pid]) -> try link(Pid), ok catch error:Reason -> {raises, Reason} end;
do(unlink, [Pid]) -> unlink(Pid), ok;
do(monitor, [Pid, Label]) -> {ref, Label, monitor(process, Pid)};
do(monitor_name, [Name, Label]) -> {ref, Label, monitor(process, Name)};
do(demonitor, [Ref]) -> demonitor(Ref, [info]);
do(demonitor_flush, [Ref]) -> demonitor(Ref, [flush, info]);
do(exit, [Reason]) -> exit(Reason);
do(exit_other, [Pid, Reason]) -> exit(Pid, Reason), ok;
do(crash, []) -> error(crash);
do(throw, []) -> throw(tossed);
do(return, []) -> exit(normal);
do(trap, [On]) -> process_flag(trap_exit, On);
do(register, [Name]) -> try register(Name, self()), ok catch error:badarg -> {raises, badarg} end;
do(unregister, []) ->
    {registered_name, Name} = process_info(self(), registered_name),
    unregister(Name),
    ok;
do(whereis, [Name]) -> case whereis(Name) of undefined -> nobody; Pid -> {pid, Pid} end;
do(alive, [Pid]) -> is_process_alive(Pid);
do(take, [Text]) -> receive {msg, From, Text} -> {reply, list_to_atom(lists:concat([From, ":", Text]))} after 0 -> nothing end;
do(await, [Text]) -> receive {msg, From, Text} -> {reply, list_to_atom(lists:concat([From, ":", Text]))} after 10000 -> nothing end;
do(send_after, [Ms, To, Text, Label]) -> put({timer, Label}, erlang:send_after(Ms, To, {msg, get(name), Text})), ok;
do(start_timer, [Ms, To, Text, Label]) ->
    Ref = erlang:start_timer(Ms, To, Text),
    put({timer, Label}, Ref),
    {ref, Label, Ref};
do(cancel, [Label]) -> left(erlang:cancel_timer(get({timer, Label})));
do(read_timer, [Label]) -> left(erlang:read_timer(get({timer, Label})));
do(start_server, [Name, Plan, Flags]) ->
    Start = case lists:member(link, Flags) of true -> start_link; false -> start end,
    Result = case [Registered || [named, Registered] <- Flags] of
        [Registered] -> gen_server:Start({local, Registered}, oracle_server, [Plan], []);
        [] -> gen_server:Start(oracle_server, [Plan], [])
    end,
    case Result of
        {ok, Pid} -> {spawned, Name, Pid, none, none};
        ignore -> {fails, ignore};
        {error, Reason} -> {fails, Reason}
    end;
do(start_machine, [Name]) ->
    {ok, Pid} = gen_statem:start(oracle_machine, [], []),
    {spawned, Name, Pid, none, none};
do(call, [To, Request, Timeout]) ->
    try {reply, gen_server:call(To, Request, Timeout)}
    catch exit:{Reason, {gen_server, call, _}} -> {fails, Reason}
    end;
do(cast, [To, Request]) -> gen_server:cast(To, Request);
do(stop_server, [To, Reason]) -> try gen_server:stop(To, Reason, infinity) catch exit:Why -> {fails, Why} end;
do(start_supervisor, [Name, Flags, Children]) ->
    case supervisor:start_link(oracle_supervisor, {Flags, Children}) of
        {ok, Pid} -> {spawned, Name, Pid, none, none};
        ignore -> {fails, ignore};
        {error, Reason} -> {fails, Reason}
    end;
do(children, [Supervisor]) ->
    {children, lists:sort([{Id, Pid} || {Id, Pid, _, _} <- supervisor:which_children(Supervisor)])};
do(count_children, [Supervisor]) ->
    Counts = supervisor:count_children(Supervisor),
    list_to_atom(lists:concat(lists:join(" ", [proplists:get_value(Key, Counts) || Key <- [specs, active, supervisors, workers]])));
do(terminate_child, [Supervisor, Id]) -> refusal(supervisor:terminate_child(Supervisor, Id));
do(restart_child, [Supervisor, Id]) -> refusal(supervisor:restart_child(Supervisor, Id));
do(delete_child, [Supervisor, Id]) -> refusal(supervisor:delete_child(Supervisor, Id));
do(start_child, [Supervisor, Child]) -> refusal(supervisor:start_child(Supervisor, oracle_supervisor:spec(Child))).

refusal(ok) -> ok;
refusal({ok, undefined}) -> ignored;
refusal({ok, _}) -> ok;
refusal({error, Reason}) -> {fails, Reason}.

left(false) -> false;
left(Ms) when is_integer(Ms) -> left.

visit(Pid) ->
    Ref = monitor(process, Pid),
    Pid ! {ping, self(), Ref},
    receive
        {pong, Ref} -> demonitor(Ref, [flush]);
        {'DOWN', Ref, _, _, _} -> ok
    end.

mailbox() ->
    receive Message -> [Message | mailbox()] after 0 -> [] end.
